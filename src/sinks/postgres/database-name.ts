/** A database's address without its credentials: `host:5432/database`. */
export function databaseName(url: string): string {
  const { hostname, port, pathname, searchParams, username } = new URL(url);
  const host = hostname === "" ? (searchParams.get("host") ?? "localhost") : hostname;
  return `${host}:${port === "" ? "5432" : port}/${pathname.length > 1 ? pathname.slice(1) : username}`;
}

/** How a sink on this database is named in `status`, `replay --into` and messages. */
export function postgresSinkId(url: string): string {
  return `postgres:${databaseName(url)}`;
}
