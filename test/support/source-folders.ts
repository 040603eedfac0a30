/** The folders of the sources that ship, as scripts/checkout.cjs lists them: without benchmarks and bare types. */
const { SOURCE_FOLDERS } = require('../../scripts/checkout.cjs') as { SOURCE_FOLDERS: readonly string[] };

export const SHIPPED_FOLDERS = SOURCE_FOLDERS.filter((folder) => folder !== 'bench' && folder !== 'types');
