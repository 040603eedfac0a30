import { tokensIn } from '../../../../../activities/gateway/credentials/token-fields';

test.each([
  ['JSON', '{"access_token":"abcdefghijklmnop","expires_in":3600}', ['abcdefghijklmnop']],
  ['nested JSON', '{"data":[{"idToken":"abcdefghijklmnop"}]}', ['abcdefghijklmnop']],
  ['a form', 'refresh_token=abcdef%2Fghijklmn&scope=openid', ['abcdef%2Fghijklmn', 'abcdef/ghijklmn']],
  [
    'an address in JSON',
    '{"redirect_to":"com.app://x?authorization=abcdefghijklmnop&a=b"}',
    ['abcdefghijklmnop'],
  ],
  ['a short word', '{"error_code":"invalid","token_type":"Bearer"}', []],
  ['a page', '<html>not a token</html>', []],
])('%s', (_, body, expected) => {
  expect(tokensIn(body)).toEqual(expected);
});

test('a code in a redirection', () => {
  expect(tokensIn('', { location: 'com.app://oauth?code=abcdefghijklmnop&state=x' })).toEqual([
    'abcdefghijklmnop',
  ]);
});
