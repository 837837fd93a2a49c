// Where the shell is that runs scripts/run.sh.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { sameName } = require('./runner.js');

// variable returns a variable of env, whose name Windows spells in any case.
function variable(env, name) {
  const found = Object.entries(env).find(([key]) => sameName(key) === sameName(name));
  return found ? found[1] : '';
}

const onPath = (env) => variable(env, 'PATH').split(path.delimiter).filter(path.isAbsolute);

// besideGit lists where Git for Windows keeps its shell, seen from the directories that may hold git.exe: cmd, bin and mingw64\bin.
// By default its installer puts only cmd on PATH.
function besideGit(env) {
  const homes = onPath(env)
    .filter((dir) => fs.existsSync(path.join(dir, 'git.exe')))
    .flatMap((dir) => [path.dirname(dir), path.dirname(path.dirname(dir))]);
  const installed = variable(env, 'ProgramFiles');
  if (installed) homes.push(path.join(installed, 'Git'));
  return homes.flatMap((home) => [path.join(home, 'bin'), path.join(home, 'usr', 'bin')]);
}

const directory = (dirs) => dirs.find((dir) => fs.existsSync(path.join(dir, 'sh.exe')));

// shell returns the path of the shell for a process with this environment. It throws if there is no shell.
function shell(env) {
  if (process.platform !== 'win32') return '/bin/sh'; // by its path, since the job may have changed PATH
  const dir = directory(onPath(env)) ?? directory(besideGit(env));
  if (!dir) {
    throw new Error('no sh.exe is on PATH or beside git.exe: install Git for Windows on this runner, which comes with it');
  }
  return path.join(dir, 'sh.exe');
}

// offerShell lets the runner find the shell for the next steps. Git's own bin directory only has sh, bash and git.
function offerShell() {
  if (process.platform !== 'win32' || directory(onPath(process.env))) return;
  fs.appendFileSync(process.env.GITHUB_PATH, `${path.dirname(shell(process.env))}\n`);
}

module.exports = { offerShell, shell };
