// How an action begins: makes the session directory, and keeps what the post step needs to leave.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { assign } = require('./runner.js');

const { GITHUB_STATE, RUNNER_TEMP } = process.env;

// These variables decide where leave sends a secret, or which code runs: proxies, certificates, what a shell, the loader and Go
// read, and the addresses of identity services. Leave gets the values that are seen now.
const decisive = [
  /^(all|ftp|https?|no)_proxy$/i,
  /^(SSL|LD|DYLD|GLIBC|CURL|WGET|OPENSSL|NODE|MSYS|XDG)_/i,
  /^(PATH|PATHEXT|HOME|USERPROFILE|TMP|TEMP|TMPDIR|COMSPEC|SYSTEMROOT|WINDIR|PROGRAMFILES)$/i,
  /^(ENV|IFS|PS4|CDPATH|POSIXLY_CORRECT|SHELLOPTS|BASHOPTS|BASH_.*|WGETRC|MSYS)$/i,
  /^(GCONV_PATH|LOCPATH|NLSPATH|RES_OPTIONS|LOCALDOMAIN|HOSTALIASES|GO[A-Z0-9]*)$/i,
  /^(AWS_ENDPOINT|AWS_CONTAINER_CREDENTIALS|AWS_EC2|AZURE_AUTHORITY|AZURE_POD|GCE_METADATA|IDENTITY_ENDPOINT|KUBERNETES_SERVICE|NSC_|SPIFFE_)/i,
  /^TAILJOIN_(DEBUG|RELEASES|HTTP_PROXY|NO_PROXY|SOCKS5_PROXY)$/i,
];

// Of the others leave gets those that are there now, with the values they have then: the runner's own differ from step to step.
const notPassed = /^(INPUT|STATE|TAILJOIN)_/i;

function environment() {
  const isDecisive = (name) => decisive.some((form) => form.test(name));
  const all = Object.entries(process.env);
  return {
    names: all.map(([name]) => name).filter((name) => !isDecisive(name) && !notPassed.test(name)),
    values: Object.fromEntries(all.filter(([name]) => isDecisive(name))),
  };
}

function makeSession() {
  if (!RUNNER_TEMP) throw new Error('RUNNER_TEMP is not set; the runner has to set it');
  try {
    // A random name, mode 0700, and short: the path of a Unix socket in it must stay under 104 bytes.
    return fs.mkdtempSync(path.join(RUNNER_TEMP, 'tj-'));
  } catch (error) {
    throw new Error(`no directory can be made in RUNNER_TEMP, ${RUNNER_TEMP} (${error.code}): it must exist, and the user of this job must be able to write to it`);
  }
}

// begin returns the new session directory. root is the repository's root, where post.js finds scripts/run.sh.
// State lives in the runner's memory, so no later step of the job can change what post.js runs, or on what.
function begin(root) {
  const session = makeSession();
  assign(GITHUB_STATE, 'root', root);
  assign(GITHUB_STATE, 'environment', JSON.stringify(environment()));
  assign(GITHUB_STATE, 'session', session);
  return session;
}

module.exports = { begin };
