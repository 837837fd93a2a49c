// The second half, at the end of the job, whatever way it ends: runs `tailjoin leave` on the session.
'use strict';

const { leaveInputs, variables } = require('./inputs.js');
const { assign, fail, sameName } = require('./runner.js');
const { run, script } = require('./script.js');

const { STATE_root: root, STATE_session: session } = process.env;

// environment is what was seen before the join. A later step can set any variable for this process: one that
// was not there is dropped, and one that decides where a secret goes or which code runs gets its old value again.
function environment({ names, values }) {
  const known = new Set(names.map(sameName));
  const kept = Object.entries(process.env).filter(([name]) => known.has(sameName(name)));
  return { ...Object.fromEntries(kept), ...values, ...variables(leaveInputs), TAILJOIN_SESSION: session };
}

// endProxies gives the steps that come after this one the proxies that the machine had: the proxies of the join end with its daemon.
function endProxies({ values }) {
  const { GITHUB_ENV, TAILJOIN_HTTP_PROXY, TAILJOIN_NO_PROXY, TAILJOIN_SOCKS5_PROXY } = process.env;
  const joined = [TAILJOIN_HTTP_PROXY, TAILJOIN_NO_PROXY, TAILJOIN_SOCKS5_PROXY].filter(Boolean);
  for (const [name, value] of Object.entries(process.env)) {
    if (/^(all|https?|no)_proxy$|^TAILJOIN_(HTTP|NO|SOCKS5)_PROXY$/i.test(name) && joined.includes(value)) {
      assign(GITHUB_ENV, name, values[name] ?? '');
    }
  }
}

function main() {
  if (!session) return; // there is no session directory, so nothing was joined
  const file = script(root);
  if (!file) {
    return fail(`this job's node was not logged out: the action's files are gone from ${root}. A later step removed them.`);
  }
  const before = JSON.parse(process.env.STATE_environment);
  run(file, ['leave'], environment(before), () => endProxies(before));
}

try {
  main();
} catch (error) {
  fail(`this job's node was not logged out: ${error.message}`);
}
