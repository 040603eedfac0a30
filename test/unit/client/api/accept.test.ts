import { prefersText } from '../../../../client/api/accept';

test.each([
  ['', false],
  ['*/*', false],
  ['text/plain', true],
  ['text/plain; version=0.0.4', true],
  ['text/*', true],
  ['text/plain, */*', true],
  ['TEXT/PLAIN;Q=0.3', true],
  ['text/plain;q=0', false],
  ['application/json', false],
  // As common HTTP clients send it.
  ['application/json, text/plain, */*', false],
  ['text/plain, application/json', true],
  ['application/json;q=0.5, text/plain;q=0.4', false],
  ['application/json;q=0.5, text/plain', true],
  // As Prometheus sends it.
  ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1', true],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
  ['text/plain;q=nonsense', false],
])('Accept: %s', (accept, text) => {
  expect(prefersText(accept)).toBe(text);
});
