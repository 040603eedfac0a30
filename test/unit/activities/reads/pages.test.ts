import type { Answered } from '../../../../activities/reads/calls';
import { allPages, type Progress } from '../../../../activities/reads/pages';
import type { ReadRow } from '../../../../store/reads/reads';
import type { ReadAnswer } from '../../../../vendors/capabilities/vehicles';

const fresh = { progress: null, progressAt: null, now: 1_000 } as unknown as ReadRow;

/** Asks a vendor whose pages are told by where they begin. */
async function paged(pages: Readonly<Record<string, Omit<ReadAnswer, 'values'>>>, row = fresh) {
  const asked: (string | null)[] = [];
  const kept: Progress[] = [];
  const ask = async (next: string | null): Promise<Answered<ReadAnswer>> => {
    asked.push(next);
    const page = pages[next ?? 'first'];
    if (page === undefined) throw new Error(`there is no page ${next}`);
    return { value: { values: {}, ...page }, requestId: null, at: { asked: 1, answered: 2 } };
  };
  const keep = async (progress: Progress) => {
    kept.push(progress);
  };
  const { value, pages: count } = await allPages({ ask, keep }, row, null);
  return { asked, kept, count, ids: value.records?.map(({ id }) => id) };
}

const page = (id: number, next: string | null) => ({ records: [{ id }], next });

test('pages are joined up to the last one', async () => {
  const { asked, ids, count } = await paged({ first: page(1, 'a'), a: page(2, 'b'), b: page(3, null) });
  expect({ asked, ids, count }).toEqual({ asked: [null, 'a', 'b'], ids: [1, 2, 3], count: 3 });
});

test('pages that lead in a circle end where one would come again', async () => {
  const { asked, ids } = await paged({ first: page(1, 'a'), a: page(2, 'b'), b: page(3, 'a') });
  expect({ asked, ids }).toEqual({ asked: [null, 'a', 'b'], ids: [1, 2, 3] });
});

test('the same page under another token ends them, and is there once', async () => {
  const { asked, ids } = await paged({ first: page(1, 'a'), a: page(1, 'b'), b: page(1, 'c') });
  expect({ asked, ids }).toEqual({ asked: [null, 'a'], ids: [1] });
});

test('a circle is seen by whoever goes on after a crash', async () => {
  const pages = { first: page(1, 'a'), a: page(2, 'b'), b: page(3, 'a') };
  const { kept } = await paged(pages);
  const row = { ...fresh, progress: JSON.parse(JSON.stringify(kept.at(-1))), progressAt: 900 } as ReadRow;
  const { asked, ids } = await paged(pages, row);
  expect({ asked, ids }).toEqual({ asked: ['b'], ids: [1, 2, 3] });
});
