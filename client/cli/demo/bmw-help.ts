/** Shown below the options of `sluice demo bmw --help`: text only, so that it loads at once. */
export const BMW_DEMO_HELP = `
CarData and MyBMW are simulated, in a state folder that is removed at the end. An hour stands for CarData's day of
50 calls; three users read cars at the same time, each such read is one call. MyBMW says for 20 s that its quota is used
up: no call goes to it, reads answer what is stored, and three commands wait until its end.`;
