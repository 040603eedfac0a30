import { sortKeys, useText } from '../../../../../client/operations/secrets/keys-in-use';

const none = {
  ...{ vaultEntries: 0, tokens: 0, grants: 0, spooled: 0, openWorkflows: 0, schedules: 0 },
  unreadable: null,
  example: null,
};

test('keys that are needed and missing, needed older ones, and idle ones are distinguished', () => {
  const uses = [
    { ...none, keyId: 'new', vaultEntries: 3 },
    { ...none, keyId: 'old', openWorkflows: 2, example: 'pool:amazon/acme' },
    { ...none, keyId: 'lost', tokens: 1 },
  ];
  const { missing, older, idle } = sortKeys(uses, { ids: ['new', 'old', 'older'], currentId: 'new' });
  expect(missing.map(({ keyId }) => keyId)).toEqual(['lost']);
  expect(older.map(useText)).toEqual(['2 open workflows (e.g. pool:amazon/acme)']);
  expect(idle).toEqual(['older']);
  expect(missing.map(useText)).toEqual(['1 access token']);
});
