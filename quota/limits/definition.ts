/** A limit's definition as the database holds it: one shape for every kind of window. */
import { capacityOf, defaultSlackMs, type LimitTemplate, usableShare } from './limit';

/** Both edges of a calendar window are kept clear by the slack; a minute must have a middle left. */
const MAX_CALENDAR_SLACK_MS = 15_000;

/** The row shape of a limit's definition; also compared to notice changed settings. */
export function limitDefinition(template: LimitTemplate): Record<string, string | number | null> {
  const w = template.window;
  const slackMs = template.slackMs ?? defaultSlackMs(w);
  const definition = {
    name: template.name,
    unit: template.unit,
    kind:
      w.kind === 'token-bucket' || w.kind === 'spacing'
        ? 'bucket'
        : w.kind === 'vendor-reset'
          ? 'vendor'
          : w.kind,
    capacity: capacityOf(w),
    period_ms: w.kind === 'token-bucket' ? 1000 / w.ratePerSecond : 'ms' in w ? w.ms : null,
    calendar_unit: w.kind === 'calendar' ? w.per : null,
    zone: w.kind === 'calendar' ? w.zone : null,
    slack_ms: w.kind === 'calendar' ? Math.min(slackMs, MAX_CALENDAR_SLACK_MS) : slackMs,
    share_background: usableShare(template, 'background'),
    share_scheduled: usableShare(template, 'scheduled'),
    // Only where it says something: a worker of a version without it then defines the same limit in the same way.
    ...(template.reserve?.live ? { share_live: usableShare(template, 'live') } : {}),
    mode: template.mode,
    source: template.source,
  };
  return definition;
}
