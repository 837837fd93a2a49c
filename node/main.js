// The action in one step of node: makes the session directory, then runs `tailjoin join` on it. post.js leaves.
'use strict';

const path = require('node:path');
const { joinInputs, variables } = require('../post/inputs.js');
const { fail } = require('../post/runner.js');
const { run, script } = require('../post/script.js');
const { begin } = require('../post/session.js');

// environment is this step's own without the inputs and the state of the action, which join gets by their own names.
function environment(session) {
  const kept = Object.entries(process.env).filter(([name]) => !/^(INPUT|STATE)_/i.test(name));
  return { ...Object.fromEntries(kept), ...variables(joinInputs), TAILJOIN_SESSION: session };
}

try {
  const root = path.dirname(__dirname); // not GITHUB_ACTION_PATH, which is a directory of any composite action around this one
  const session = begin(root);
  run(script(root), ['join', '--session', session], environment(session));
} catch (error) {
  fail(`the join was not started: ${error.message}`);
}
