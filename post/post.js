// The hook's second half, at the end of the job, whatever way it ends: runs `tailjoin leave` on the session.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const { STATE_root: root, STATE_session: session } = process.env;

function fail(message) {
  console.log(`::error title=tailjoin::${message}`);
  process.exitCode = 1;
}

// environment gives leave its inputs under the names that join gets them by: TAILJOIN_TAGS for INPUT_TAGS.
function environment() {
  const rename = (name) => name.replace(/^INPUT_.*/, (input) => input.replace('INPUT_', 'TAILJOIN_').replaceAll('-', '_'));
  const entries = Object.entries(process.env).map(([name, value]) => [rename(name), value]);
  return { ...Object.fromEntries(entries), TAILJOIN_SESSION: session };
}

function leave(script) {
  // By its path, since the job may have changed PATH. On Windows it is Git's sh.
  const shell = process.platform === 'win32' ? 'sh' : '/bin/sh';
  // First, or a signal that comes while leave starts ends this process and not leave.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const child = spawn(shell, [script, 'leave'], { stdio: 'inherit', env: environment() });
  child.on('error', (error) => fail(`cannot run ${shell}: ${error.message}`));
  child.on('exit', (code) => (process.exitCode = code ?? 1));
}

function main() {
  if (!session) return; // main.js got no further than this, so nothing was joined
  const script = path.join(root, 'scripts', 'run.sh');
  if (!fs.existsSync(script)) {
    return fail(`this job's node was not logged out: the action's files are gone from ${root}. A later step removed them.`);
  }
  leave(script);
}

main();
