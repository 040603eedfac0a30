/**
 * The import directions of docs/architecture.md. Type-only imports are marked as such by TypeScript, so that
 * workflows may name an activity's type without pulling its code into the sandbox.
 */
const { SOURCE_FOLDERS } = require('./scripts/checkout.cjs');

const OURS = SOURCE_FOLDERS.filter((folder) => folder !== 'types');

/** `folder` may import itself and `allowed`; `types` only as types. */
function only(folder, allowed, types = []) {
  const others = OURS.filter((name) => ![folder, ...allowed, ...types].includes(name));
  const rules = [
    {
      name: `${folder}-imports`,
      severity: 'error',
      comment: `${folder} imports ${allowed.join(', ') || 'nothing of ours'}${types.length ? `; types of ${types.join(', ')}` : ''}`,
      from: { path: `^${folder}/` },
      to: { path: `^(${others.join('|')}|test)/` },
    },
  ];
  if (types.length > 0) {
    rules.push({
      name: `${folder}-types-only`,
      severity: 'error',
      comment: `${folder} may import these as types only`,
      from: { path: `^${folder}/` },
      to: { path: `^(${types.join('|')})/`, dependencyTypesNot: ['type-only'] },
    });
  }
  return rules;
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      comment: 'Type-only imports count: two files that name each other are one file, or need a third.',
      to: { circular: true },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      comment: 'What ships must not need what only development installs.',
      from: { path: `^(${OURS.filter((name) => name !== 'bench').join('|')})/` },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@types/',
      },
    },
    {
      name: 'client-is-the-outside',
      severity: 'error',
      comment: 'Nothing builds on the command line, the API or the dashboard.',
      from: { pathNot: '^(client|test|bench)/' },
      to: { path: '^client/' },
    },
    {
      name: 'workflows-are-deterministic',
      severity: 'error',
      comment: 'Workflow code runs in a sandbox: no Node modules, no packages but the SDK.',
      from: { path: '^workflows/' },
      to: {
        dependencyTypes: ['core', 'npm'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@temporalio/(workflow|common)/',
      },
    },
    {
      name: 'one-way-out',
      severity: 'error',
      comment:
        'A request to a vendor needs a permit: it leaves by activities/gateway/http/http.ts, which asks for the pass of one.',
      from: {
        path: '^(activities|client|quota|settings|store|temporal|vendors|workers)/',
        pathNot: [
          '^activities/gateway/http/http.ts$',
          // They make the pool of connections, and send nothing.
          '^workers/runtime.ts$',
          '^client/operations/gateway/own-gateway.ts$',
          // It knows addresses, and connects to none.
          '^activities/gateway/http/document-address.ts$',
          // Servers of ours, and the way to Temporal.
          '/codec-server.ts$',
          '/health.ts$',
          '/health-socket.ts$',
          '/connection-trouble.ts$',
          '^temporal/connection.ts$',
          '^vendors/(kit|.*simulator)/',
        ],
      },
      to: {
        path: ['^undici$', '^https?$', '^http2$', '^net$', '^tls$', '^dgram$', '/undici/'],
        pathNot: '^vendors/',
        dependencyTypesNot: ['type-only'],
      },
    },
    ...only('quota', []),
    ...only('embedded', []),
    ...only('vendors', ['quota']),
    ...only('store', ['quota'], ['vendors']),
    ...only('settings', ['quota', 'vendors']),
    ...only('workflows', ['quota'], ['activities', 'vendors', 'settings', 'store']),
    ...only('activities', ['quota', 'vendors', 'store', 'settings'], ['workflows']),
    ...only('temporal', ['quota', 'settings', 'store', 'embedded', 'workflows'], ['activities']),
    {
      name: 'temporal-knows-messages',
      severity: 'error',
      comment: 'What signals a workflow knows its messages, and its arguments as types.',
      from: { path: '^temporal/' },
      to: {
        path: '^workflows/',
        pathNot: '^workflows/messages[.]ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'client-asks-workers',
      severity: 'error',
      comment: 'Of workers a client knows how their health is asked for.',
      from: { path: '^client/' },
      to: { path: '^workers/', pathNot: '^workers/health-socket[.]ts$' },
    },
    ...only('library', [
      'quota',
      'vendors',
      'store',
      'settings',
      'activities',
      'temporal',
      'embedded',
      'client',
    ]),
    ...only('workers', [
      'quota',
      'vendors',
      'store',
      'settings',
      'activities',
      'workflows',
      'temporal',
      'embedded',
    ]),
    {
      name: 'client-runs-no-activity',
      severity: 'error',
      comment:
        'A use case reads and asks. What it needs of activities/ is the gateway alone: for a call that leaves from its own process, and for what waits on disk.',
      from: { path: '^client/' },
      to: { path: '^activities/(?!gateway/|commands/user-auth|reads/|replay[.]ts$)' },
    },
    {
      name: 'few-clients-call-vendors',
      severity: 'error',
      comment:
        'These call a vendor from their own process, or look at what waits on disk; all others start work.',
      from: {
        path: '^client/',
        pathNot:
          '^client/operations/((diagnosis/doctor-logins|secrets/keys-in-use).ts|gateway/|permits/|vehicles/|vendors/|logins/)',
      },
      // What a polling plan is made from is read from the tables; nobody is called.
      to: { path: '^activities/(?!reads/polling/input.ts)' },
    },
    {
      name: 'api-sees-operations',
      severity: 'error',
      comment: 'The API holds no rule and no SQL statement: what it offers is a use case.',
      from: { path: '^client/api/' },
      to: {
        path: ['^client/(?!api/|operations/)', `^(${OURS.filter((name) => name !== 'client').join('|')})/`],
        // Units of time.
        pathNot: '^quota/durations[.]ts$',
      },
    },
    {
      name: 'cli-sees-operations',
      severity: 'error',
      comment:
        'A command holds no rule and no SQL statement: it passes what was typed to a use case, and knows the types of what comes back.',
      // A codec server in the foreground is a process of this machine.
      from: { path: '^client/cli/', pathNot: '^client/cli/processes/codec-server[.]ts$' },
      to: {
        path: '^(activities|bench|library|temporal|workers|workflows)/',
      },
    },
    {
      name: 'cli-knows-rows-as-types',
      severity: 'error',
      comment: 'What a use case returns may be a row as it is stored; a command reads and writes none.',
      from: { path: '^client/cli/' },
      to: { path: '^store/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'few-commands-see-the-machine',
      severity: 'error',
      comment:
        'Commands about processes, settings and simulators of this machine work with these directly. All others know their types alone.',
      from: {
        path: '^client/cli/',
        pathNot: '^client/cli/((access/vault|batches/start)[.]ts|processes/|demo/)',
      },
      to: { path: '^(embedded|settings|vendors)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'api-and-cli-apart',
      severity: 'error',
      comment: 'Neither face builds on the other; `sluice api` starts the server.',
      from: { path: '^client/cli/', pathNot: '^client/cli/processes/api[.]ts$' },
      to: { path: '^client/api/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'operations-have-no-face',
      severity: 'error',
      comment: 'A use case knows nothing of the command line: every face (CLI, API) builds on it.',
      from: { path: '^client/operations/' },
      to: { path: '^client/(?!operations/)' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['require', 'node', 'default', 'types'],
    },
  },
};
