// Checks the JSON on its standard input, an orb or a pipeline, by the schemas that CircleCI's own config parser has.
'use strict';

const { Validator } = require('@circleci/circleci-config-parser');
const { mapping } = require('@circleci/circleci-config-sdk');

function check(what, type, input, subtype) {
  const answer = Validator.validateGenerable(type, input, subtype);
  if (answer === true) return;
  console.error(`${what}: ${JSON.stringify(answer.errors, null, 2)}`);
  process.exitCode = 1;
}

const { GenerableType, ParameterizedComponent } = mapping;
const config = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
check('all', GenerableType.CONFIG, config);
for (const [name, command] of Object.entries(config.commands ?? {})) {
  for (const [parameter, input] of Object.entries(command.parameters ?? {})) {
    check(`${name} ${parameter}`, GenerableType.CUSTOM_PARAMETER, input, ParameterizedComponent.COMMAND);
  }
}
