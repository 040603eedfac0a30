/** Rows of a document that cannot be used: set aside, or the document refused. */
import { salesLedger } from '../../../../support/stacks/sales-ledger';
import { hours, openText, salesText } from '../../../../support/vendors/sales-documents';

const { state, ingest, ingestRows, visible, windows } = salesLedger();

describe('rows that cannot be used', () => {
  const span = hours(0, 2);
  const asideOf = async () => {
    const { rows } = await state.pool.query(
      'select code, row_index, row_key, problem from set_aside_rows where series_id = $1 order by id',
      [state.series.id],
    );
    return rows;
  };
  const eventsOf = async (kind: string) => {
    const { rows } = await state.pool.query(
      `select data from events where kind = $1 and data ->> 'account' = $2 order by id`,
      [kind, state.series.account],
    );
    return rows.map((row) => row.data);
  };

  test('are set aside with the reason, and the others are stored', async () => {
    const text = salesText(span, [
      { hour: 0, asin: 'A' },
      { hour: 1, asin: 'B', units: 7, revenue: 'null' },
    ]);
    expect(await ingest(span, openText(text, span))).toMatchObject({
      outcome: 'ingested',
      rows: 1,
      setAside: 1,
    });
    expect(await visible()).toEqual(['0 A 1 1.00']);
    expect(await windows()).toEqual(['0-2 done 1 r1']);
    const problem = 'reportData[1].orderedRevenue is null; it must be a number';
    expect(await asideOf()).toEqual([{ code: 'unusable', row_index: 1, row_key: ['B'], problem }]);
    expect(await eventsOf('rows.set_aside')).toEqual([
      expect.objectContaining({ dataset: 'amazon/rt-sales', rows: 1, duplicates: 0, first: problem }),
    ]);
  });

  test('leave what is known under their key as it is', async () => {
    const known = ['A', 'B', 'C'].map((asin) => ({ hour: 0, asin }));
    await ingestRows(span, known);
    const text = salesText(span, [
      { hour: 0, asin: 'A', units: 2 },
      { hour: 0, asin: 'B', revenue: '{"amount":1}' },
      { hour: 0, asin: 'D' },
    ]);
    expect(await ingest(span, openText(text, span))).toMatchObject({ rows: 2, replaced: 2, setAside: 1 });
    expect(await visible()).toEqual(['0 A 2 1.00', '0 B 1 1.00', '0 D 1 1.00']);
    expect(await windows()).toEqual(['0-2 done 3 r1']);
  });

  test.each([
    [
      'of a row without a key its hour',
      '"asin":"B"',
      '"asin":null',
      ['0 A 2 1.00', '0 B 1 1.00', '0 C 1 1.00'],
    ],
    [
      'of one without a time its key',
      '"startTime":"2026-11-20T00:00:00.000Z","endTime":"2026-11-20T01:00:00.000Z","asin":"B"',
      '"asin":"B"',
      ['0 A 2 1.00', '0 B 1 1.00', '1 B 1 1.00'],
    ],
    [
      'of one without either everything',
      /\{[^{}]*"asin":"B"[^{}]*\}/,
      'null',
      ['0 A 2 1.00', '0 B 1 1.00', '0 C 1 1.00', '1 B 1 1.00', '1 C 1 1.00'],
    ],
  ] as const)('leave what they may have reported as it is known: %s', async (_, from, to, rows) => {
    await ingestRows(
      span,
      ['A', 'B', 'C'].flatMap((asin) =>
        [0, 1].filter((hour) => asin !== 'A' || hour === 0).map((hour) => ({ hour, asin })),
      ),
    );
    const reported = [0, 0, 0, 0].map((hour, i) => ({
      hour,
      asin: i === 0 ? 'A' : i === 1 ? 'B' : `N${i}`,
      units: 2,
    }));
    const text = salesText(span, reported).replace(from, to);
    expect(await ingest(span, openText(text, span))).toMatchObject({ outcome: 'ingested', setAside: 1 });
    expect(await visible()).toEqual([...rows, '0 N2 2 1.00', '0 N3 2 1.00'].sort());
  });

  test('are those of another marketplace or currency, too', async () => {
    await ingestRows(span, [{ hour: 0, asin: 'A' }]);
    const text = salesText(span, [
      { hour: 0, asin: 'A', units: 9 },
      { hour: 0, asin: 'B' },
    ]).replace('"asin":"A"', '"marketplaceId":"A1PA6795UKMFR9","asin":"A"');
    expect(await ingest(span, openText(text, span))).toMatchObject({ rows: 1, setAside: 1 });
    expect(await visible()).toEqual(['0 A 1 1.00', '0 B 1 1.00']);
    expect((await asideOf())[0].problem).toBe(
      'reportData[0].marketplaceId is "A1PA6795UKMFR9"; the report is of "ATVPDKIKX0DER"',
    );
  });

  test('and texts that no database holds are kept all the same', async () => {
    const hostile = 'a\0b\ud800c\\u0000';
    const text = JSON.stringify({ errorDetails: hostile });
    const evidence = { reportId: hostile };
    expect(await ingest(span, openText(text, span), { evidence })).toMatchObject({ outcome: 'rejected' });
    const { rows: kept } = await state.pool.query(
      `select problem, evidence ->> 'reportId' as id from rejected_documents where series_id = $1`,
      [state.series.id],
    );
    expect(kept).toEqual([{ problem: 'errorDetails: a\ufffdb\ufffdc\\u0000', id: 'a\ufffdb\ufffdc\\u0000' }]);
  });

  test('beyond their share refuse the document', async () => {
    const rows = (bad: number) => [
      ...Array.from({ length: 100 }, (_, i) => ({ hour: 0, asin: `A${i}` })),
      ...Array.from({ length: bad }, (_, i) => ({ hour: 1, asin: `B${i}`, revenue: 'null' })),
    ];
    expect(await ingest(span, openText(salesText(span, rows(11)), span))).toMatchObject({
      outcome: 'rejected',
      problem: {
        code: 'schema',
        problem: expect.stringMatching(/^11 of 111 rows .*badRowShare.*B?reportData\[100\]/),
      },
    });
    expect(await visible()).toEqual([]);
    expect(await asideOf()).toHaveLength(11);
    expect(await ingest(span, openText(salesText(span, rows(10)), span))).toMatchObject({
      rows: 100,
      setAside: 10,
    });
  });

  test('when there are no others refuse it, too: the vendor has changed its shape', async () => {
    await ingestRows(span, [{ hour: 0, asin: 'OLD' }]);
    const text = salesText(span, [{ hour: 0, asin: 'A', revenue: '{"amount":9.9,"currencyCode":"EUR"}' }]);
    expect(await ingest(span, openText(text, span))).toMatchObject({
      outcome: 'rejected',
      problem: {
        problem: expect.stringMatching(/^1 of 1 row cannot be used: .*another shape.*orderedRevenue is/),
      },
    });
    expect(await visible()).toEqual(['0 OLD 1 1.00']);
  });

  test('that are identical are one row; of two that differ the first counts', async () => {
    const result = await ingestRows(span, [
      { hour: 0, asin: 'A' },
      { hour: 0, asin: 'B' },
      { hour: 0, asin: 'A' },
      { hour: 0, asin: 'B', units: 4 },
      { hour: 0, asin: 'B', units: 4 },
    ]);
    expect(result).toMatchObject({ outcome: 'ingested', rows: 2, setAside: 2 });
    expect(await visible()).toEqual(['0 A 1 1.00', '0 B 1 1.00']);
    const aside = await asideOf();
    expect(aside).toHaveLength(2);
    expect(aside[0]).toMatchObject({
      code: 'duplicate_key',
      row_key: ['B'],
      problem: expect.stringMatching(
        /^two rows for 2026-11-20T00:00:00.000Z B: ordered_units 1 and 4; the first counts/,
      ),
    });
    // What operators read names no number of ours.
    expect(JSON.stringify([aside, await eventsOf('rows.set_aside')])).not.toMatch(/series_id|job_id/);
  });
});
