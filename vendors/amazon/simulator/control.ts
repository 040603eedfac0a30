/** The Amazon fields of `POST /_sim/control`. */
import { z } from 'zod';
import { rangeSchema } from '../../kit/server/start';
import type { Restatement, SimWorld } from './data';
import type { DocumentStore } from './documents';
import { outcomeSchema, restatementSchema } from './options';
import type { ReportDesk } from './reports';
import type { TokenDesk } from './tokens';

export const amazonControlShape = {
  /** How the next matching reports end. */
  outcomes: z.array(outcomeSchema).optional(),
  clearOutcomes: z.literal(true).optional(),
  /** Rows of these hours change from now on, or from `at`. */
  restate: z.array(restatementSchema).optional(),
  /** Refresh tokens, literally. */
  revokeRefreshTokens: z.array(z.string()).optional(),
  restoreRefreshTokens: z.array(z.string()).optional(),
  /** Access tokens given out so far: of all accounts, or of these. */
  expireAccessTokens: z.union([z.literal(true), z.array(z.string())]).optional(),
  /** Access tokens given out so far are withdrawn, and refused in words that differ: of all accounts, or of these. */
  revokeAccessTokens: z.union([z.literal(true), z.array(z.string())]).optional(),
  tokenLifetimeSeconds: z.number().positive().optional(),
  /** Document links given out so far. */
  expireDocumentUrls: z.literal(true).optional(),
  documentUrlLifetimeSeconds: z.number().positive().optional(),
  reports: z
    .strictObject({
      queueMs: rangeSchema.optional(),
      processingMs: rangeSchema.optional(),
      concurrency: z.int().positive().optional(),
      listLagSeconds: z.number().nonnegative().optional(),
      listLoops: z.boolean().optional(),
      numericIds: z.boolean().optional(),
      unknownForSeconds: z.number().nonnegative().optional(),
      duplicateWindowMinutes: z.number().nonnegative().optional(),
    })
    .optional(),
  whenNotReady: z.enum(['omit', 'fatal']).optional(),
  extraFields: z.boolean().optional(),
} satisfies z.ZodRawShape;

const amazonControlSchema = z.object(amazonControlShape);
export type AmazonControl = z.input<typeof amazonControlSchema>;

export interface ControlledParts {
  readonly world: SimWorld;
  readonly reports: ReportDesk;
  readonly documents: DocumentStore;
  readonly tokens: TokenDesk;
}

/** @param now epoch ms of the command; an earlier instant when it is replayed. */
export function applyAmazonControl(value: unknown, parts: ControlledParts, now: number): void {
  const command = amazonControlSchema.parse(value);
  const { world, reports, documents, tokens } = parts;
  if (command.clearOutcomes) reports.outcomes.clear();
  for (const outcome of command.outcomes ?? []) reports.outcomes.add(outcome);
  for (const restatement of command.restate ?? []) world.addRestatement(toRestatement(restatement, now));
  tokens.revoke(command.revokeRefreshTokens ?? []);
  tokens.restore(command.restoreRefreshTokens ?? []);
  if (command.expireAccessTokens) tokens.expire(command.expireAccessTokens, now);
  if (command.revokeAccessTokens) tokens.revokeAccess(command.revokeAccessTokens, now);
  tokens.lifetimeSeconds = command.tokenLifetimeSeconds ?? tokens.lifetimeSeconds;
  if (command.expireDocumentUrls) documents.expireUrls(now);
  documents.urlLifetimeSeconds = command.documentUrlLifetimeSeconds ?? documents.urlLifetimeSeconds;
  documents.extraFields = command.extraFields ?? documents.extraFields;
  reports.whenNotReady = command.whenNotReady ?? reports.whenNotReady;
  const given = Object.entries(command.reports ?? {}).filter(([, value]) => value !== undefined);
  reports.settings = {
    ...reports.settings,
    ...(Object.fromEntries(given) as Partial<typeof reports.settings>),
  };
}

/** @param defaultAtMs epoch ms from which it holds when it does not say. */
export function toRestatement(spec: z.output<typeof restatementSchema>, defaultAtMs: number): Restatement {
  return {
    account: spec.account,
    dataset: spec.dataset,
    fromMs: Date.parse(spec.from),
    toMs: Date.parse(spec.to),
    atMs: spec.at === undefined ? defaultAtMs : Date.parse(spec.at),
    loseShare: spec.loseShare,
    changeShare: spec.changeShare,
  };
}
