/** Version of the interpreters that make rows from records. Raised whenever the same journal gives other rows. */
export const INTERPRETER_VERSION = 4;
