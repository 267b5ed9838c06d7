// Begins the page.

import { render } from "preact";
import { App } from "./app";
import { Boundary } from "./parts/boundary";
import { applyRemembered } from "./theme";
import "./style/index.css";

applyRemembered();
const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(
    <Boundary>
      <App />
    </Boundary>,
    place,
  );
}
