/** Shown below the options of `sluice demo gps51 --help`: text only, so that it loads at once. */
export const FLEET_DEMO_HELP = `
The six functions: positions and trips by their schedules, a backfill of tracks, logins, checks of an end user, and
commands. Where the settings have an account of gps51, its base URL is called, and within its own limits: commands are
then sent only with --commands, and an end user is checked only with --end-user. Otherwise everything runs against a
simulator, in a state folder that is removed at the end, with six seconds for a minute of the vendor's and a minute for
a device's day.`;
