/** The vendor's side of batches by files, read over HTTP as a stranger would, and what a text should have been. */

interface VendorAt {
  readonly simulator: { readonly baseUrl: string };
}

export interface VendorBatchSeen {
  readonly id: string;
  readonly status: string;
  readonly request_counts: { readonly total: number; readonly completed: number; readonly failed: number };
  readonly metadata: Readonly<Record<string, string>>;
  readonly errors: { readonly data: readonly { readonly code: string }[] } | null;
}

const HEADERS = { authorization: 'Bearer sk-bios', 'content-type': 'application/json' };

/** Every batch that the vendor has made, oldest first. */
export async function vendorBatches(s: VendorAt): Promise<readonly VendorBatchSeen[]> {
  const answer = await fetch(`${s.simulator.baseUrl}/batches?limit=100`, { headers: HEADERS });
  const { data } = (await answer.json()) as { data: VendorBatchSeen[] };
  return data.reverse();
}

/** As somebody does it in the vendor's console. @returns the answer's status. */
export async function cancelAtVendor(s: VendorAt, id: string): Promise<number> {
  const answer = await fetch(`${s.simulator.baseUrl}/batches/${id}/cancel`, {
    method: 'POST',
    headers: HEADERS,
    body: '{}',
  });
  return answer.status;
}

/** The text that the vendor writes for this input, asked for directly. @param most tokens; null for no cap. */
export async function trueText(s: VendorAt, input: string, most: number | null = 300): Promise<string> {
  const answer = await fetch(`${s.simulator.baseUrl}/responses`, {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify({
      model: 'gpt-4.1-mini',
      input,
      ...(most === null ? {} : { max_output_tokens: most }),
    }),
  });
  const { output } = (await answer.json()) as { output: { content?: { text?: string }[] }[] };
  return output
    .flatMap((item) => item.content ?? [])
    .map((part) => part.text ?? '')
    .join('');
}
