import { visible } from '../../../../client/operations/texts';

test('what a terminal would act on is shown as its code; text, line feeds and tabs stay', () => {
  expect(visible('a\u001b]0;title\u0007b\rc\u009b2Jd\u007f')).toBe(
    'a\\u001b]0;title\\u0007b\\u000dc\\u009b2Jd\\u007f',
  );
  expect(visible('abc\u202ecba')).toBe('abc\\u202ecba');
  expect(visible('Zoë 成功 👍\n\tx')).toBe('Zoë 成功 👍\n\tx');
  const value = { text: 'a\u009bb\u001b' };
  expect(JSON.parse(visible(JSON.stringify(value)))).toEqual(value);
});
