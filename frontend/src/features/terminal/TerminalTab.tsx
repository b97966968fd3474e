export const TerminalTab = () => null; // STUB
