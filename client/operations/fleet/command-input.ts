/** What a command may be, at vendors that have a fixed set of them. Checked before anything is stored or sent. Pure. */
import type { CommandDescription, CommandsApi, DeviceCommand } from '../../../vendors/capabilities/commands';
import { invalid } from '../errors';

type Wanted = DeviceCommand & { readonly repeatable: boolean };

/**
 * The command with what was left out. Vendors whose devices have commands of their own take any.
 * @throws OperationError naming field and value.
 */
export function checkedCommand(
  vendor: string,
  { known, deviceIdProblem }: Pick<CommandsApi, 'known' | 'deviceIdProblem'>,
  wanted: Wanted,
): Wanted {
  const problem = deviceIdProblem(wanted.deviceId);
  if (problem !== null) throw invalid('device', `"${wanted.deviceId}" ${problem}`);
  if (known === null) return wanted;
  const description = known.find(({ code }) => code === wanted.code);
  if (description === undefined) {
    const codes = known.map(({ code }) => code).join(', ');
    throw invalid('code', `"${wanted.code}" is no command of ${vendor}; there are ${codes}`, 'UNKNOWN_NAME');
  }
  if (description.repeat === 'never' && wanted.repeatable) {
    throw invalid('repeatable', `${description.code} is never sent twice; leave it out`, 'NOT_APPLICABLE');
  }
  return {
    ...wanted,
    params: checkedParams(description, wanted.params),
    repeatable: wanted.repeatable || description.repeat === 'always',
  };
}

function checkedParams({ code, params }: CommandDescription, given: readonly string[]): readonly string[] {
  if (given.length > params.length) {
    const takes = params.length === 0 ? 'no parameters' : params.map(({ name }) => name).join(', ');
    throw invalid('params', `${code} takes ${takes}; "${given[params.length]}" is one too many`);
  }
  return params.map(({ name, values, fallback }, i) => {
    const value = given[i] ?? fallback;
    if (values.includes(value)) return value;
    throw invalid('params', `${name} of ${code} must be one of ${values.join(', ')}, not "${value}"`);
  });
}
