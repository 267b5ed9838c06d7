// Light or dark: as the system has it until somebody says otherwise, which is remembered.

import { useState } from "preact/hooks";

export type Theme = "system" | "light" | "dark";

const KEY = "labeltap-theme";

/** Storage may be forbidden; then nothing is remembered. */
function remembered(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

function apply(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function applyRemembered(): void {
  apply(remembered());
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, set] = useState<Theme>(remembered);
  const change = (next: Theme) => {
    apply(next);
    set(next);
    try {
      if (next === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      // Then it holds as long as the page is open.
    }
  };
  return [theme, change];
}
