// How node runs tailjoin: by scripts/run.sh, as a step of the action does.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { fail } = require('./runner.js');
const { shell } = require('./shell.js');

// script returns the path of run.sh below the repository's root, or undefined if it is not there.
function script(root) {
  const file = path.join(root, 'scripts', 'run.sh');
  return fs.existsSync(file) ? file : undefined;
}

// run runs a command of tailjoin, and ends as it ends. then, if given, is called at its end. It throws if there is no shell.
function run(file, args, env, then) {
  const sh = shell(env);
  // First, or a signal that comes while the command starts ends this process and not the command. On Windows the runner's Ctrl-C
  // and Ctrl-Break reach the command by themselves, and kill would end the shell alone.
  const pass = (signal) => process.platform === 'win32' || child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGBREAK']) process.on(signal, pass);
  // With slashes: sh finds no directory in a path of backslashes.
  const child = spawn(sh, [file.replaceAll(path.sep, '/'), ...args], { stdio: 'inherit', env });
  child.on('error', (error) => fail(`cannot run ${sh}: ${error.message}`));
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
    then?.();
  });
}

module.exports = { run, script };
