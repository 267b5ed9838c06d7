// Begins the page.

import { render } from "preact";
import { App } from "./app";
import { applyRemembered } from "./theme";
import "./style/index.css";

applyRemembered();
const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(<App />, place);
}
