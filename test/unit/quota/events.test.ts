/** Every event goes by the catalogue: its name, its row, its line of the log, its description for operators. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EVENTS, eventsReference, isEventKind } from '../../../quota/events';
import { SHIPPED_FOLDERS } from '../../support/source-folders';

const ROOT = join(__dirname, '..', '..', '..');

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (/\.(ts|sql)$/.test(entry.name)) yield path;
  }
}

const texts = SHIPPED_FOLDERS.flatMap((folder) => [...sources(join(ROOT, folder))]).map((path) => ({
  path: path.slice(ROOT.length + 1),
  text: readFileSync(path, 'utf8'),
}));

test('rows of events are written in one place, and in one more from within SQL', () => {
  const writers = texts.filter(({ text }) => /insert into events\b/.test(text)).map(({ path }) => path);
  // The last one is the dump of the schema.
  expect(writers.sort()).toEqual([
    'store/events/events.ts',
    'store/schema.sql',
    'store/schema/events/record_event.sql',
  ]);
});

test('events that SQL functions write are in the catalogue', () => {
  const recorded = texts.flatMap(({ text }) =>
    [...text.matchAll(/record_event\('([^']+)'/g)].map(([, kind]) => kind),
  );
  expect(recorded.length).toBeGreaterThan(0);
  for (const kind of recorded) expect(isEventKind(kind ?? '')).toBe(true);
});

test('no line of the log has an event that is not written by name and catalogue', () => {
  const loose = texts.filter(({ text }) => /\bevent: ['"`]/.test(text)).map(({ path }) => path);
  expect(loose).toEqual([]);
});

test('the table in the docs is the catalogue', () => {
  // When this fails: node scripts/configuration.mjs
  expect(readFileSync(join(ROOT, 'docs', 'monitoring.md'), 'utf8')).toContain(eventsReference());
});

test('each event is a dotted name with a row or a line, and says when it is emitted', () => {
  for (const [kind, { row, log, when, fields }] of Object.entries(EVENTS)) {
    expect(kind).toMatch(/^[a-z]+(\.[a-z_]+)+$/);
    expect(row !== false || log !== false).toBe(true);
    expect(when).not.toBe('');
    expect(new Set(fields).size).toBe(fields.length);
  }
  expect(isEventKind('pool.held')).toBe(true);
  expect(isEventKind('toString')).toBe(false);
});
