import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { checkOutput } from '../../../../../client/operations/batches/batch';
import { checkInput, readItems } from '../../../../../client/operations/batches/input';
import { checkVariables, readPrompt } from '../../../../../client/operations/batches/prompt';
import { promptVariables, renderPrompt } from '../../../../../vendors/prompt';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-batch-input-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function items(path: string) {
  const all = [];
  for await (const chunk of readItems(path)) all.push(...chunk);
  return all;
}

describe('the input', () => {
  test('BOM, header, comments, quotes, line breaks and commas in fields, empty lines', async () => {
    const path = file(
      'good.csv',
      '\ufeff# exported\nartist_id,artist_name,artist_data\n1,"The ""Band""","born,\nraised"\n\n# later\n2,Zoë,plain # no comment\n',
    );
    expect(await checkInput(path)).toMatchObject({
      columns: ['artist_id', 'artist_name', 'artist_data'],
      items: 2,
      bad: [],
    });
    expect((await checkInput(path)).kept).toEqual(await items(path));
    expect(await items(path)).toEqual([
      {
        externalId: '1',
        variables: { artist_id: '1', artist_name: 'The "Band"', artist_data: 'born,\nraised' },
      },
      {
        externalId: '2',
        variables: { artist_id: '2', artist_name: 'Zoë', artist_data: 'plain # no comment' },
      },
    ]);
  });

  test('without a header the columns are those of the artists’ list', async () => {
    const found = await checkInput(file('bare.csv', 'a-1,Abba,data\na-2,Can,data\n'));
    expect(found).toMatchObject({ columns: ['artist_id', 'artist_name', 'artist_data'], items: 2 });
  });

  test('a separator at the end of a line adds nothing, in the header or in rows', async () => {
    const rows = [
      { externalId: '1', variables: { id: '1', name: 'a' } },
      { externalId: '2', variables: { id: '2', name: '' } },
    ];
    for (const text of ['id,name,\n1,a,\n2,,\n', 'id;name\n1;a;;\n2;\n']) {
      const path = file('trailing.csv', text);
      expect(await checkInput(path)).toMatchObject({ columns: ['id', 'name'], badCount: 0 });
      expect(await items(path)).toEqual(rows);
    }
    const found = await checkInput(file('more.csv', 'id,name,\n1,a,b\n'));
    expect(found.bad).toEqual([{ line: 2, reason: 'has 3 fields instead of 2 (id, name)' }]);
  });

  test('where no header was found, a row that does not fit says so', async () => {
    const { bad, columns } = await checkInput(file('no-header.csv', 'uuid,name\n1,a\n'));
    expect(() => checkVariables('{{name}}', columns)).toThrow(/is no column .*no header was found/);
    expect(bad[0]?.reason).toMatch(
      /2 fields instead of 3 .*no header was found, whose first column is called id/,
    );
  });

  test('bad rows are listed with line and reason; duplicate ids name both lines', async () => {
    const path = file('bad.csv', 'id,name\n1,one\n2\n,nobody\n"3","two\nlines"\n1,again\n4,a\0b\n');
    const found = await checkInput(path);
    expect(found.bad).toEqual([
      { line: 3, reason: 'has 1 fields instead of 2 (id, name)' },
      { line: 4, reason: 'the id is empty' },
      { line: 7, reason: 'the id "1" is that of line 2 already' },
      { line: 8, reason: 'holds a NUL character' },
    ]);
    expect((await items(path)).map((i) => i.externalId)).toEqual(['1', '3']);
  });

  test.each([
    ['utf16.csv', Buffer.from('\ufeffid,name\n1,a\n', 'utf16le'), /is UTF-16: save it as UTF-8/],
    ['utf16-bare.csv', Buffer.from('id,name\n1,a\n', 'utf16le'), /is UTF-16: save it as UTF-8/],
    ['binary.csv', Buffer.from([7, 0, 0, 0, 65, 66, 1, 2, 3, 0, 9, 0]), /is no text but a binary file/],
    ['7z.csv', Buffer.from('377abcaf271c0004', 'hex'), /is compressed \(7z\)/],
    ['header.csv', Buffer.from('id,k\xfcnstler\n1,a\n', 'latin1'), /the header is not UTF-8/],
    ['two-ids.csv', 'name,artist_id,label_id\nThe Band,1,2\n', /there are artist_id and label_id/],
    [
      'quote.csv',
      'id,name\n1,a\n2,"open\n3,b\n',
      /a quote that is opened on line 3 or later is never closed/,
    ],
    ['columns.csv', 'id,name,name\n1,a,b\n', /the column "name" twice/],
  ])('%s is refused', async (name, content, what) => {
    await expect(checkInput(file(name, content))).rejects.toThrow(what);
  });

  test('the id may stand behind other columns, where a header says so', async () => {
    const path = file('late-id.csv', 'artist_name,artist_id\nThe Band,1\nCan,\nAbba,1\n');
    const { columns, items: count, bad } = await checkInput(path);
    expect({ columns, count }).toEqual({ columns: ['artist_name', 'artist_id'], count: 1 });
    expect(bad.map(({ reason }) => reason)).toEqual([
      'the artist_id is empty',
      'the artist_id "1" is that of line 2 already',
    ]);
    expect(await items(path)).toMatchObject([{ externalId: '1' }]);
  });

  test('quotes inside of a field are text; text behind a closing quote makes a bad row', async () => {
    const path = file(
      'quotes.csv',
      'id,name,data\r\n# a "comment\r\n1,Mike "Spike" Jones,x\r\n2,"""C"", the band",\r\n3,"A,x\r\n4,"B",y\r\n5,"",z\r\n6,"a\r\nb",z\r\n7,b',
    );
    const checked = await checkInput(path);
    expect(checked.bad).toEqual([
      { line: 5, reason: expect.stringContaining('follows a closing quote') },
      { line: 10, reason: expect.stringContaining('has 2 fields') },
    ]);
    expect((await items(path)).map(({ variables }) => variables.name)).toEqual([
      'Mike "Spike" Jones',
      '"C", the band',
      '',
      'a\r\nb',
    ]);
  });

  test.each([
    ['lf-crlf.csv', '# one\nid,name\n1,a\r\n2,"b"\r\n3,c'],
    ['crlf-lf.csv', 'id,name\r\n1,a\n2,"b"\n3,c\n'],
    ['cr.csv', 'id,name\r1,a\r2,"b"\r3,c\r'],
  ])('lines may end in different ways, also within a file: %s', async (name, content) => {
    const path = file(name, content);
    expect(await checkInput(path)).toMatchObject({ columns: ['id', 'name'], items: 3, bad: [] });
    expect((await items(path)).map(({ variables }) => variables.name)).toEqual(['a', 'b', 'c']);
  });

  test('a row whose id begins with # is a row; a comment has another number of fields, and is counted', async () => {
    const content =
      'id,text\n1001,plain\n#1002,of a hash\n"#1003",quoted\n# a note\n# a, longer, note\n1004,plain\n';
    const path = file('hashes.csv', content);
    const found = await checkInput(path);
    expect(found).toMatchObject({ items: 4, bad: [], comments: { count: 2, firstLine: 5 } });
    expect((await items(path)).map((i) => i.externalId)).toEqual(['1001', '#1002', '#1003', '1004']);
    const strict = await checkInput(path, { comments: false });
    expect(strict).toMatchObject({ items: 4, badCount: 2, comments: { count: 0 } });
    expect(strict.digest).not.toBe(found.digest);
  });

  test.each([
    ['order_id,text\n#1001,a\n#1002,b\n#1003,c\n', 3, 0],
    ['# exported, by me\nid,text\n1,a\n', 1, 1],
    ['#1,Abba,x\n#2,Can,y\n', 2, 0],
    ['#1,Abba,x\n2,Can,y\n', 2, 0],
    ['#id,text\n1,a\n#2,b\n', 2, 0],
    ['# one, of many, tables\n# artist_id,text\n#1,a\n2,b\n# done\n', 2, 2],
    ['# id, text\n1,a,b\n', 1, 1],
    ['# made by me\n1,Abba,x\n2,Can,y\n', 2, 1],
    ['# made by me, today\n#1,Abba,x\n', 1, 1],
    ['# nothing\n# at all\n', 0, 2],
  ])('%j holds %i rows and %i comments', async (content, rows, comments) => {
    const found = await checkInput(file('hash.csv', content));
    expect(found).toMatchObject({ items: rows, badCount: 0, comments: { count: comments } });
  });

  test('a comment that opens a quote takes no row with it in silence', async () => {
    const found = await checkInput(file('hash-quote.csv', 'id,text\n# see,"open\n2,b\n3,"c"\n'));
    expect(found.items + found.badCount).toBeGreaterThan(0);
    expect(found.bad[0]?.reason).toMatch(/quote/);
  });

  test.each([
    ['Artist ID,Artist Name,Artist Data'],
    ['artist-id,b,c'],
    ['artistId,b,c'],
    ['Название ID,b,c'],
  ])('%s is a header', async (header) => {
    const found = await checkInput(file('title.csv', `${header}\n17,Anna,sings\n18,Ben,plays\n`));
    expect(found).toMatchObject({ columns: header.split(','), items: 2, bad: [] });
  });

  test.each([
    ['Nr.,Name,Data', ['1', '2']],
    ['UUID,Name,Data', ['0b6e8e5c-8d1f-4a53-9b57-0d5f5b0f1a2b', 'f3a1c5d2-1111-4222-8333-abcdefabcdef']],
    ['Artist,Name,Data', ['artist-7', 'artist-0018']],
    ['Key,Name,Data', ['a7', '8b', '9', 'c-1', 'd2']],
  ])('%s is a header by contrast to the ids behind it', async (header, ids) => {
    const rows = ids.map((id) => `${id},Anna,sings\n`).join('');
    const found = await checkInput(file('contrast.csv', `# made today\n${header}\n${rows}`));
    expect(found).toMatchObject({ columns: header.split(','), items: ids.length, bad: [] });
  });

  test.each([
    ['Abba', ['U2']],
    ['Abba', ['U2', 'Blink-182']],
    ['Abba', ['1', '2', '3', '4', 'Sade', '6']],
    ['17', ['18', '19']],
  ])('%s before %j is the id of a row', async (id, ids) => {
    const rows = [id, ...ids].map((one) => `${one},Anna,sings\n`).join('');
    expect(await checkInput(file('no-contrast.csv', rows))).toMatchObject({ items: ids.length + 1, bad: [] });
  });

  test.each([['Candid,b,c'], ['paid,b,c'], ['MADRID,b,c']])('%s is a row', async (row) => {
    expect(await checkInput(file('row.csv', `${row}\n`))).toMatchObject({ items: 1, bad: [] });
  });

  test.each([
    ['semicolons', 'id;text\n1;one\n2;two, with a comma\n3;"three; quoted"\n'],
    ['a sep= line', 'sep=;\r\nid;text\r\n1;one\r\n2;two, with a comma\r\n3;"three; quoted"\r\n'],
    [
      'a sep= line with an escaped tab',
      'sep=\\t\nid\ttext\n1\tone\n2\ttwo, with a comma\n3\tthree; quoted\n',
    ],
    ['a BOM and a sep= line', '\ufeffsep=|\nid|text\n1|one\n2|two, with a comma\n3|three; quoted\n'],
    ['a sep= line with a blank', 'sep= ;\nid;text\n1;one\n2;two, with a comma\n3;"three; quoted"\n'],
    ['tabs', 'id\ttext\n1\tone\n2\ttwo, with a comma\n3\tthree; quoted\n'],
    ['tabs and comments', '# one, two\nid\ttext\n# x\n1\tone\n2\ttwo, with a comma\n3\tthree; quoted\n'],
    ['bars', 'id|text\n1|one\n2|two, with a comma\n3|three; quoted\n'],
    ['commas', 'id,text\n1,one\n2,"two, with a comma"\n3,three; quoted\n'],
    ['commas and blanks', '"id" , "text"\n1, one\n2, "two, with a comma"\n3,three; quoted\n'],
  ])('fields are parted by %s', async (_, content) => {
    const path = file('parted.csv', content);
    expect(await checkInput(path)).toMatchObject({ columns: ['id', 'text'], items: 3, bad: [] });
    expect((await items(path)).map(({ variables }) => variables.text)).toEqual([
      'one',
      'two, with a comma',
      'three; quoted',
    ]);
  });

  test('blanks around quoted fields are seen where the header has none', async () => {
    const path = file('spaced.csv', 'id, text\n1, "one, two"\n2 , "three" \n3, four\n');
    expect(await checkInput(path)).toMatchObject({ columns: ['id', 'text'], items: 3, bad: [] });
    expect((await items(path)).map(({ variables }) => variables.text)).toEqual(['one, two', 'three', 'four']);
    const prose = file('prose.csv', 'id,text\n1,"he said, ""yes"" , twice"\n2, kept \n');
    expect((await items(prose)).map(({ variables }) => variables.text)).toEqual([
      'he said, "yes" , twice',
      ' kept ',
    ]);
  });

  test.each([
    ['tabs', '1\tAnna\tsings, loud\n2\tBen\tplays, well\n'],
    ['semicolons', '1;Anna;sings, loud\n2;Ben;plays, well\n'],
    ['commas', '1,Anna,"sings, loud"\n2,Ben,"plays, well"\n'],
    ['commas, and bars in each text', '1,Anna,"sings, loud"\n2,Ben,"plays, well"\n'.replaceAll(', ', ' | ')],
  ])('without a header, fields are parted by %s so that there are three', async (_, content) => {
    const found = await checkInput(file('bare.csv', content));
    expect(found).toMatchObject({ items: 2, bad: [] });
    expect(found.first[1]?.variables).toMatchObject({ artist_id: '2', artist_name: 'Ben' });
  });

  test('a file of one column is one of commas, whatever its words hold', async () => {
    const found = await checkInput(file('one.csv', 'id\na;b\nc|d\n'));
    expect(found).toMatchObject({ columns: ['id'], items: 2, bad: [] });
  });

  test.each<readonly [string, string | Buffer]>([
    ['compressed (gzip)', gzipSync('id,text\n1,a\n')],
    ['an Excel workbook', Buffer.from('504b030414000600', 'hex')],
    ['an old Excel workbook', Buffer.from('d0cf11e0a1b11ae10000', 'hex')],
    ['an HTML page', '\n<!DOCTYPE html><html><body>Sign in</body></html>'],
    ['XML', '<?xml version="1.0"?><rows/>'],
    [
      'JSON Lines of requests',
      '{"custom_id":"1","method":"POST","url":"/v1/responses","body":{"model":"m"}}\n',
    ],
    ['JSON Lines', '{"id":1,"text":"a"}\n{"id":2,"text":"b"}\n'],
    ['JSON Lines', '# exported today\n{"id":1,"text":"a"}\n'],
    ['a JSON array', '[\n {"id": 1}\n]'],
    ['JSON', '{\n "id": 1\n}'],
  ])('%s is named', async (what, content) => {
    await expect(checkInput(file('other.csv', content))).rejects.toThrow(`is ${what}`);
  });

  test('a long field is read', async () => {
    const text = '""long"", '.repeat(50_000);
    const found = await checkInput(file('long.csv', `id,name\n1,"${text}"\n`));
    expect(found).toMatchObject({ items: 1, bad: [] });
  });

  test('rows with bytes that are not UTF-8 are bad rows, whatever the others hold', async () => {
    const latin = Buffer.from('id,name\n1,Zo\xeb\n2,plain\n3,caf\xe9', 'latin1');
    const checked = await checkInput(file('latin1.csv', latin));
    expect(checked.items).toBe(1);
    expect(checked.bad).toEqual([
      { line: 2, reason: 'the name is not UTF-8' },
      { line: 4, reason: 'the name is not UTF-8' },
    ]);
    expect(await items(file('latin1.csv', latin))).toMatchObject([{ externalId: '2' }]);
    // A replacement character is one like any other.
    expect(await checkInput(file('mark.csv', 'id,name\n1,\ufffd\n'))).toMatchObject({ items: 1, bad: [] });
  });

  test('an id that is too long for an index is a bad row', async () => {
    const found = await checkInput(file('long-id.csv', `id,name\n${'é'.repeat(501)},a\n2,b\n`));
    expect(found.items).toBe(1);
    expect(found.bad).toEqual([{ line: 2, reason: 'the id is longer than 1000 bytes' }]);
  });

  test('what can be read only once is refused: rows are read once more when they are stored', async () => {
    await expect(checkInput('/dev/null')).rejects.toThrow(/\/dev\/null is no file.*save it as one first/);
  });

  test('a file that is not there is named', async () => {
    await expect(checkInput(join(folder, 'none.csv'))).rejects.toThrow(/none.csv cannot be read \(ENOENT\)/);
  });

  test('the digest is of the content alone', async () => {
    const a = await checkInput(file('a.csv', '1,a,b\n'));
    const b = await checkInput(file('b.csv', '1,a,b\n'));
    const c = await checkInput(file('c.csv', '1,a,c\n'));
    expect([a.digest === b.digest, a.digest === c.digest]).toEqual([true, false]);
  });
});

describe('the prompt', () => {
  test('variables are filled in once; what a value holds is no variable', () => {
    const prompt = 'Write about {{artist_name}} ({{ artist_id }}): {{artist_name}}';
    expect(promptVariables(prompt)).toEqual(['artist_name', 'artist_id']);
    expect(renderPrompt(prompt, { artist_name: '{{artist_id}} $&', artist_id: '7' })).toBe(
      'Write about {{artist_id}} $& (7): {{artist_id}} $&',
    );
    expect(() => renderPrompt('{{toString}}', {})).toThrow('{{toString}} has no value');
  });

  test('a column’s name may hold blanks and letters of any language; other braces are text', () => {
    const prompt = '{{ artist name }} {{künstler}} {{"json": 1}} {{}}';
    expect(promptVariables(prompt)).toEqual(['artist name', 'künstler']);
    expect(() => checkVariables('{{no such}}', ['artist name'])).toThrow(/\{\{no such\}\} is no column/);
    expect(renderPrompt(prompt, { 'artist name': 'Can', künstler: 'Sie' })).toBe(
      'Can Sie {{"json": 1}} {{}}',
    );
  });

  test('a column that no variable could be named after is filled in all the same', () => {
    const values = { '2nd name (old)': 'Can', n: '1' };
    expect(renderPrompt('{{2nd name (old)}} {{ 2nd name (old) }} {{2nd}} {{n}}', values)).toBe(
      'Can Can {{2nd}} 1',
    );
  });

  test('a BOM is no part of it; bytes that are not UTF-8 and NUL are refused', () => {
    expect(readPrompt(file('bom.md', '\ufeffHello {{id}}'))).toBe('Hello {{id}}');
    expect(() => readPrompt(file('latin.md', Buffer.from('caf\xe9', 'latin1')))).toThrow(/is not UTF-8/);
    expect(() => readPrompt(file('nul.md', 'a\0b'))).toThrow(/holds a NUL/);
  });

  test('a variable that is no column is named, with the columns there are', () => {
    expect(() => checkVariables('{{name}} {{id}}', ['id', 'title'])).toThrow(
      '{{name}} is no column of the input (columns: id, title)',
    );
  });

  test.each([
    ['id.md', 'pmpt_68a1b2c3\n', /is the id of a stored prompt/],
    ['object.md', '{ "version": "3", "id": "pmpt_68a1b2c3" }', /is the id of a stored prompt/],
    ['named.md', 'prompt: pmpt_68a1b2c3\n', /is the id of a stored prompt/],
    ['empty.md', ' \n', /is empty/],
  ])('%s is refused', (name, content, what) => {
    expect(() => readPrompt(file(name, content))).toThrow(what);
  });

  test('a prompt may resemble JSON', () => {
    const prompt = '{"id": "{{id}}", "task": "Write about {{name}}."}';
    expect(readPrompt(file('json.md', prompt))).toBe(prompt);
  });

  test('a prompt id in place of a file says what to do', () => {
    expect(() => readPrompt('pmpt_68a1b2c3')).toThrow(/copy the prompt's text into the file/);
  });
});

describe('the output', () => {
  test('is a file, or becomes one; what is read is never written over', () => {
    const input = file('read.csv', 'id\n1\n');
    symlinkSync(input, join(folder, 'link.jsonl'));
    expect(() => checkOutput('/dev/null')).toThrow('output: /dev/null cannot be written: it is no file');
    for (const name of ['read.csv', 'link.jsonl']) {
      expect(() => checkOutput(join(folder, name), [input])).toThrow(/it is what is read as .*read.csv/);
    }
    checkOutput(join(folder, 'new.jsonl'), [input]);
    checkOutput(file('old.jsonl', ''), [input]);
  });
});
