// Where a mistake ends: what cannot be drawn is said in its place, and all around it goes on.

import { Component, type ComponentChildren } from "preact";

interface Held {
  broken: boolean;
  fault?: unknown;
}

export class Boundary extends Component<{ children: ComponentChildren }, Held> {
  override state: Held = { broken: false };

  static override getDerivedStateFromError(fault: unknown): Held {
    return { broken: true, fault };
  }

  override componentDidCatch(fault: unknown): void {
    console.error(fault);
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <div class="problem" role="alert">
        <p>
          <strong>This cannot be shown:</strong> {String(this.state.fault)}. That is a mistake in labeltap's page; its other parts
          and the service are not affected.
        </p>
        <button type="button" onClick={() => this.setState({ broken: false })}>
          Try again
        </button>
      </div>
    );
  }
}
