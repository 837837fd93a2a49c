// How node runs tailjoin: by scripts/run.sh, as a step of the action does.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { fail } = require('./runner.js');

// script returns the path of run.sh below the repository's root, or undefined if it is not there.
function script(root) {
  const file = path.join(root, 'scripts', 'run.sh');
  return fs.existsSync(file) ? file : undefined;
}

// run runs a command of tailjoin, and ends as it ends. then, if given, is called at its end.
function run(file, args, env, then) {
  // By its path, since the job may have changed PATH. On Windows it is Git's sh.
  const shell = process.platform === 'win32' ? 'sh' : '/bin/sh';
  // First, or a signal that comes while the command starts ends this process and not the command. On Windows the runner's Ctrl-C
  // reaches the command by itself, and kill would end it at once.
  const pass = (signal) => process.platform === 'win32' || child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, pass);
  const child = spawn(shell, [file, ...args], { stdio: 'inherit', env });
  child.on('error', (error) => fail(`cannot run ${shell}: ${error.message}`));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
    then?.();
  });
}

module.exports = { run, script };
