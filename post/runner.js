// How both halves of the hook talk to the runner.
'use strict';

const { randomUUID } = require('node:crypto');
const fs = require('node:fs');

// assign adds name=value to one of the runner's command files. The delimiter is random:
// with a constant one, a value that holds it could end early and add lines of its own.
function assign(file, name, value) {
  const end = randomUUID();
  fs.appendFileSync(file, `${name}<<${end}\n${value}\n${end}\n`);
}

// fail ends the step with one error, in the runner's encoding.
function fail(message) {
  const text = message.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  console.log(`::error title=tailjoin::${text}`);
  process.exitCode = 1;
}

// sameName makes names of variables comparable: Windows does not tell upper case from lower case.
const sameName = (name) => (process.platform === 'win32' ? name.toUpperCase() : name);

module.exports = { assign, fail, sameName };
