/** Who may log in. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

const userSchema = z.strictObject({
  email: z.string().min(1),
  password: z.string().min(1),
  /** The vendor's id of the user; made from the e-mail when absent. */
  gcid: z.string().min(1).optional(),
});

export const usersSchema = z
  .array(userSchema)
  .min(1)
  .default([{ email: 'demo@example.com', password: 'demo' }]);

export interface SimUser {
  readonly email: string;
  readonly password: string;
  readonly gcid: string;
}

export function createUsers(specs: z.output<typeof usersSchema>): readonly SimUser[] {
  return specs.map(({ email, password, gcid }) => ({ email, password, gcid: gcid ?? gcidOf(email) }));
}

function gcidOf(email: string): string {
  const hex = createHash('sha256').update(email).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
