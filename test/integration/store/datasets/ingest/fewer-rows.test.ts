/** A document that holds far fewer rows than are known: doubted, and believed only in the end. */
import { acceptDoubts, doubtedSpans, doubtsDue } from '../../../../../store/datasets/ingest/doubted-hours';
import { NOW, salesLedger } from '../../../../support/stacks/sales-ledger';
import { DAY_START, HOUR, hours, type SalesRow } from '../../../../support/vendors/sales-documents';

const { state, ingestRows, visible, windows } = salesLedger();

describe('a document that holds far less than is known', () => {
  const span = hours(0, 6);
  const ROWS = [0, 1, 2, 3, 4, 5].flatMap((hour) =>
    Array.from({ length: 10 }, (_, i) => ({ hour, asin: `A${i}` })),
  );
  const POLICY = { doubtShare: 0.5, usualLoss: 0.05, answers: 3, overMs: 48 * HOUR };
  const audit = (rows: readonly SalesRow[], now: number, within = span) =>
    ingestRows(within, rows, { purpose: 'daily_audit', restatement: POLICY, now });
  const doubts = async () =>
    (await doubtedSpans(state.pool, [state.series.id], hours(0, 24))).map(
      (d) =>
        `${(d.from - DAY_START) / HOUR}-${(d.to - DAY_START) / HOUR} ${d.known}>${d.reported} x${d.answers}`,
    );

  test('or nothing is doubted: the rows stay, an event says so, and the window stays a candidate', async () => {
    await ingestRows(span, ROWS, { now: NOW - 40 * HOUR });
    const reported = await audit([], NOW);
    expect(reported).toMatchObject({ rows: 0, replaced: 0, doubted: { hours: 6, known: 60, reported: 0 } });
    expect(await visible()).toHaveLength(60);
    expect(await windows()).toEqual(['0-6 done 60 r1']);
    expect(await doubts()).toEqual(['0-6 60>0 x1']);
    const { rows } = await state.pool.query(
      `select data from events where kind = 'window.doubted' and data ->> 'account' = $1`,
      [state.series.account],
    );
    expect(rows).toEqual([
      {
        data: expect.objectContaining({
          hours: 6,
          knownRows: 60,
          reportedRows: 0,
          answers: 1,
          dataset: 'amazon/rt-sales',
        }),
      },
    ]);
    expect((await doubtsDue(state.pool, state.series.id, NOW + HOUR)).due).toEqual([]);
    expect((await doubtsDue(state.pool, state.series.id, NOW + 2 * HOUR)).due).toEqual([span]);
  });

  test('is checked again at growing intervals, and believed after several answers over days', async () => {
    await ingestRows(span, ROWS);
    const checks: number[] = [];
    let at = NOW;
    for (;;) {
      const result = await audit([], at);
      if (result.outcome !== 'ingested' || result.doubted === null) break;
      expect(await visible()).toHaveLength(60);
      checks.push((result.doubted.recheckAt - at) / HOUR);
      at = result.doubted.recheckAt;
    }
    expect(checks).toEqual([2, 6, 18, 24]);
    expect(at - NOW).toBeGreaterThanOrEqual(48 * HOUR);
    expect(await visible()).toEqual([]);
    expect(await windows()).toEqual(['0-6 empty_provisional 0 r1']);
    expect(await doubts()).toEqual([]);
  });

  test('three answers within an hour are not enough, and a full answer ends the doubt', async () => {
    await ingestRows(span, ROWS);
    for (const minutes of [0, 20, 40]) await audit([], NOW + minutes * 60_000);
    expect(await visible()).toHaveLength(60);
    await audit(ROWS.slice(1), NOW + HOUR);
    expect(await visible()).toHaveLength(59);
    expect(await doubts()).toEqual([]);
    // What comes next begins anew.
    expect(await audit([], NOW + 100 * HOUR)).toMatchObject({ doubted: { hours: 6 } });
  });

  test('is believed at once when an operator says so', async () => {
    await ingestRows(span, ROWS);
    await audit([], NOW);
    const order = { seriesIds: [state.series.id], span, by: 'ops', now: NOW, poolKey: 'amazon/x' };
    expect(await acceptDoubts(state.pool, order)).toBe(6);
    expect((await doubtsDue(state.pool, state.series.id, NOW)).due).toEqual([span]);
    expect(await audit([], NOW + 1)).toMatchObject({ doubted: null, replaced: 60 });
    expect(await visible()).toEqual([]);
  });

  test('in some hours is taken over in the others', async () => {
    await ingestRows(span, ROWS);
    const rest = ROWS.filter(({ hour }) => hour < 2 || hour > 3).map((row) => ({ ...row, units: 5 }));
    expect(await audit([...rest, { hour: 2, asin: 'A0', units: 5 }], NOW)).toMatchObject({
      rows: 40,
      doubted: { hours: 2, known: 20, reported: 1 },
    });
    const seen = await visible();
    expect(seen).toHaveLength(60);
    expect(seen.filter((row) => row.includes(' 5 '))).toHaveLength(40);
    expect(await windows()).toEqual(['0-2 done 20 r1', '2-4 done 20 r1', '4-6 done 20 r1']);
    expect(await doubts()).toEqual(['2-4 20>1 x1']);
  });

  test('counts by hours, however the spans of the documents lie', async () => {
    await ingestRows(span, ROWS);
    await audit([], NOW, hours(0, 3));
    await audit([], NOW + 50 * HOUR, hours(0, 3));
    // The other half is reported for the first time: a third answer over days makes the first half true, and it alone.
    expect(await audit([], NOW + 51 * HOUR)).toMatchObject({ doubted: { hours: 3, known: 30 } });
    expect(await visible()).toHaveLength(30);
    expect(await windows()).toEqual(['0-3 empty_provisional 0 r1', '3-6 done 30 r1']);
  });

  test('a few rows less are an ordinary restatement', async () => {
    await ingestRows(span, ROWS);
    expect(await audit(ROWS.slice(25), NOW)).toMatchObject({ rows: 35, doubted: { hours: 2 } });
    expect(
      await audit(
        ROWS.filter((_, i) => i % 10 > 2),
        NOW,
      ),
    ).toMatchObject({ rows: 42, doubted: null });
  });
});
