// Tabs by the WAI-ARIA Authoring Practices: a single tab stop, arrow keys between
// tabs, and the panel follows the focus.

/** makeTabs activates a tablist; onSelect is called with the visible panel. */
export function makeTabs(list: HTMLElement, onSelect: (panel: HTMLElement) => void): void {
  const tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')];

  const select = (chosen: HTMLElement): void => {
    for (const tab of tabs) {
      tab.ariaSelected = String(tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (panel) {
        panel.hidden = tab !== chosen;
        if (tab === chosen) {
          onSelect(panel);
        }
      }
    }
  };

  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey) {
        return; // browser shortcuts, such as Alt+Left
      }
      const target = tabs.at(
        { ArrowRight: (i + 1) % tabs.length, ArrowLeft: i - 1, Home: 0, End: -1 }[event.key] ?? tabs.length,
      );
      if (target) {
        event.preventDefault();
        select(target);
        target.focus();
      }
    });
  });
  if (tabs[0]) {
    select(tabs[0]);
  }
}
