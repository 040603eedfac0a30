/** Which of two forms of an answer a request prefers, by its `Accept` (RFC 9110). Pure. */

interface Preference {
  readonly quality: number;
  /** In the header; what comes first goes first where qualities are the same. */
  readonly place: number;
}

/** Whether text is wanted: only where a text is named, and not after JSON that is named as well. */
export function prefersText(accept: string): boolean {
  const text = named(accept, /^(?:text\/(?:plain|\*)|application\/openmetrics-text)$/);
  if (text === null || text.quality === 0) return false;
  const json = named(accept, /^application\/(?:json|\*)$/);
  if (json === null) return true;
  return text.quality === json.quality ? text.place < json.place : text.quality > json.quality;
}

function named(accept: string, type: RegExp): Preference | null {
  const found = accept
    .toLowerCase()
    .split(',')
    .flatMap((range, place): Preference[] => {
      const [name = '', ...params] = range.split(';').map((part) => part.trim());
      if (!type.test(name)) return [];
      const given = params.find((param) => param.startsWith('q='))?.slice(2);
      const quality = given === undefined ? 1 : Number(given);
      return [{ quality: quality >= 0 && quality <= 1 ? quality : 0, place }];
    });
  return found.sort((a, b) => b.quality - a.quality)[0] ?? null;
}
