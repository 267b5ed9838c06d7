// How wide a chart may be, so that its text has the size of other text on every screen.

import { useLayoutEffect, useRef, useState } from "preact/hooks";

const USUAL = 720;

export function useWidth(): [{ current: HTMLElement | null }, number] {
  const place = useRef<HTMLElement>(null);
  const [width, set] = useState(USUAL);
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const measure = () => set(Math.max(240, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [place, width];
}
