// Days as the page counts them: ISO dates, and whole days since 1970 where something is drawn to scale.

export const MS_PER_DAY = 86_400_000;
const HOURS_AHEAD_IN_CHINA = 8;

/** Days since 1970-01-01 of an ISO date. */
export const toNumber = (iso) => Math.round(Date.parse(`${iso}T00:00:00Z`) / MS_PER_DAY);

/** The ISO date of a number of days since 1970-01-01. */
export const toDay = (number) => new Date(Math.round(number) * MS_PER_DAY).toISOString().slice(0, 10);

/** Today in China, whose days the corpus counts. */
export const today = () => dayInChina(Date.now());

/** The day in China of a moment: milliseconds since 1970, or a time as the API writes it. */
export const dayInChina = (moment) => toDay(Math.floor((new Date(moment).getTime() / 3_600_000 + HOURS_AHEAD_IN_CHINA) / 24));

/** Whether a text is an ISO date that the calendar has. */
export function isDay(text) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text || "")) return false;
  const number = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(number) && new Date(number).toISOString().startsWith(text);
}
