// Whether there is little room: where the style sheet makes cards of a table's rows.

import { useEffect, useState } from "preact/hooks";

/** As in `style/table.css`. */
const NARROW = "(max-width: 48rem)";

export function useNarrow(): boolean {
  const [narrow, set] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const media = matchMedia(NARROW);
    const hear = () => set(media.matches);
    media.addEventListener("change", hear);
    return () => media.removeEventListener("change", hear);
  }, []);
  return narrow;
}
