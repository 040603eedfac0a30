/**
 * Long tests first, so that none of them runs at the end while the other processors have nothing to do: those with
 * real servers that die and come back, then those with real servers, then computations. Within each, what jest knows of
 * earlier runs decides, which in a fresh clone is nothing but the files' sizes.
 */
const { default: Sequencer } = require('@jest/test-sequencer');

const ORDER = ['/test/chaos/', '/test/e2e/'];

const rank = ({ path }) => {
  const found = ORDER.findIndex((folder) => path.includes(folder));
  return found === -1 ? ORDER.length : found;
};

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
  }
};
