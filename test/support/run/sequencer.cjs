/**
 * Long tests first, so that none of them runs at the end while the other processors have nothing to do: those with
 * real servers that die and come back, then those with real servers, then those with a database, then computations.
 * Within each, what jest knows of earlier runs decides, which in a fresh clone is nothing but the files' sizes.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

const ORDER = [
  /\/test\/chaos\//,
  // Few files without a server of Temporal's take as long as those with one.
  /\/test\/integration\/(?:store\/permits\/(?:learned-rates|lock-order|property)|embedded\/postgres)\./,
  /\/test\/e2e\//,
  /\/test\/integration\//,
];

const rank = ({ path }) => {
  const found = ORDER.findIndex((pattern) => pattern.test(path));
  return found === -1 ? ORDER.length : found;
};

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
  }
};
