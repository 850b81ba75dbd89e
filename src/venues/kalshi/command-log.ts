import type { Command } from "./subscription.ts";

interface Entry {
  readonly sent: boolean;
  readonly bytes: string;
  readonly channel: string;
  readonly id: number;
}

/**
 * The commands and acknowledgements still in force on one connection, byte for byte. An acknowledgement that lists
 * the subscription's markets stands for every update before it, so the log stays short on long connections.
 */
export class CommandLog {
  #entries: Entry[] = [];

  sent(channel: string, command: Command): void {
    this.#entries.push({ sent: true, bytes: Buffer.from(command.text).toString("latin1"), channel, id: command.id });
  }

  acknowledged(channel: string, command: Command, frame: Buffer, whole: boolean): void {
    if (whole && command.action !== "subscribe") {
      const first = this.#entries.find((entry) => entry.channel === channel)?.id;
      this.#entries = this.#entries.filter(
        (entry) => entry.channel !== channel || entry.id === first || entry.id >= command.id,
      );
    }
    this.#entries.push({ sent: false, bytes: frame.toString("latin1"), channel, id: command.id });
  }

  /** The venue refused the command. */
  dropped(id: number): void {
    this.#entries = this.#entries.filter((entry) => entry.id !== id);
  }

  ended(channel: string): void {
    this.#entries = this.#entries.filter((entry) => entry.channel !== channel);
  }

  inForce(): readonly { readonly sent: boolean; readonly bytes: string }[] {
    return this.#entries.map(({ sent, bytes }) => ({ sent, bytes }));
  }
}
