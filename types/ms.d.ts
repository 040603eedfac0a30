// Under node16 resolution Temporal's Duration would be `any`, because the `ms` typings do not resolve; with this
// shim a duration is checked again.
declare module 'ms' {
  type Unit =
    | 'ms'
    | 'second'
    | 'seconds'
    | 's'
    | 'minute'
    | 'minutes'
    | 'm'
    | 'hour'
    | 'hours'
    | 'h'
    | 'day'
    | 'days'
    | 'd';
  export type StringValue = `${number}` | `${number}${Unit}` | `${number} ${Unit}`;
}
