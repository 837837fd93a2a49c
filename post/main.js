// The hook's first half, before the join: makes the session directory, keeps where it is, and hands it to the join step.
'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const { GITHUB_ACTION_PATH, GITHUB_OUTPUT, GITHUB_STATE, INPUT_ROOT, RUNNER_TEMP } = process.env;

// assign adds name=value to one of the runner's command files. The delimiter is random:
// with a constant one, a value that holds it could end early and add lines of its own.
function assign(file, name, value) {
  const end = randomUUID();
  fs.appendFileSync(file, `${name}<<${end}\n${value}\n${end}\n`);
}

// A random name, mode 0700, and short: the path of a Unix socket in it must stay under 104 bytes.
const session = fs.mkdtempSync(path.join(RUNNER_TEMP, 'tj-'));

// State lives in the runner's memory, so no later step of the job can change what post.js runs, or on what.
// GITHUB_ACTION_PATH is the directory of the composite action that uses this hook.
assign(GITHUB_STATE, 'root', path.join(GITHUB_ACTION_PATH, INPUT_ROOT || ''));
assign(GITHUB_STATE, 'session', session);
assign(GITHUB_OUTPUT, 'session', session);
