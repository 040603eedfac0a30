import { requestOf } from '../../../../client/operations/permits/call';

const at = (baseUrl: string, path: string) =>
  requestOf({ baseUrl }, { method: 'GET', path, headers: { 'X-Mark': 'a' }, body: undefined });

test.each([
  ['https://api.example.com/v1', '/models?limit=2', 'https://api.example.com/v1/models?limit=2'],
  ['https://api.example.com/v1/', '/models', 'https://api.example.com/v1/models'],
  ['https://api.example.com/openapi', '?action=login', 'https://api.example.com/openapi?action=login'],
  ['https://api.example.com', '', 'https://api.example.com/'],
  ['https://api.example.com', '/.well-known/a..b;c', 'https://api.example.com/.well-known/a..b;c'],
  ['https://api.example.com', '//evil.example/x', 'https://api.example.com//evil.example/x'],
])('below %s, %s is %s', (base, path, url) => {
  expect(at(base, path)).toEqual({ method: 'GET', url, headers: { 'x-mark': 'a' } });
});

test.each([
  'https://evil.example/x',
  '@evil.example/x',
  '.evil.example/x',
  ':8080/x',
  '/../admin',
  '/a/../../admin',
  '/%2e%2e/admin',
  '/a/%2E%2e%2fadmin',
  '/..%5cadmin',
  '/%252e%252e/admin',
  '/a/..%25252f..%25252fadmin',
  '/..;x=1/admin',
  '/a/..%3b/b',
  '\\evil.example',
  '/a b',
  '/a\r\nHost: evil.example',
  '/a#b',
])('%j leads elsewhere', (path) => {
  expect(() => at('https://api.example.com/v1', path)).toThrow(/must begin with a slash/);
});

test('an object is sent as JSON, and a body does not go with GET', () => {
  const sent = { method: 'POST', path: '/x', headers: {}, body: { a: 1 } } as const;
  expect(requestOf({ baseUrl: 'https://a.example' }, sent)).toMatchObject({
    headers: { 'content-type': 'application/json' },
    body: '{"a":1}',
  });
  expect(() => requestOf({ baseUrl: 'https://a.example' }, { ...sent, method: 'GET' })).toThrow(/GET/);
});
