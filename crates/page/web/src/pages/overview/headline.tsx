// The sentence at the top, and what there is to do.

import type { Status } from "../../api/shapes";
import { Sign } from "../../parts/mark";
import { announced, findings, verdict } from "./verdict";

export function Headline({ status }: { status: Status }) {
  const found = findings(status);
  const { grade, text } = verdict(status, found);
  return (
    <div class={`headline ${grade}`}>
      <p class="sentence">
        <Sign mood={grade} /> {text}
      </p>
      <p class="unseen" role="status">
        {announced(status, found)}
      </p>
      {found.length > 0 && (
        <ul class="findings">
          {found.map(({ key, grade, text, todo, href }) => (
            <li key={key} class={grade}>
              <Sign mood={grade} />
              <div>
                {href === "#troubled" ? (
                  <button type="button" class="link" onClick={() => document.getElementById("troubled")?.scrollIntoView()}>
                    {text}
                  </button>
                ) : href ? (
                  <a href={href}>{text}</a>
                ) : (
                  <strong>{text}</strong>
                )}{" "}
                <span class="hint">{todo}</span>
              </div>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
