// The hook's first half, before the join: makes the session directory, keeps where it is, and hands it to the join step.
'use strict';

const path = require('node:path');
const { assign, fail } = require('./runner.js');
const { begin } = require('./session.js');
const { offerShell } = require('./shell.js');

const { GITHUB_ACTION_PATH, GITHUB_OUTPUT, INPUT_ROOT } = process.env;

try {
  offerShell();
  // GITHUB_ACTION_PATH is the directory of the composite action that uses this hook.
  assign(GITHUB_OUTPUT, 'session', begin(path.join(GITHUB_ACTION_PATH, INPUT_ROOT || '')));
} catch (error) {
  fail(`the join was not started: ${error.message}`);
}
