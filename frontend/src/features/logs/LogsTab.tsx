export const LogsTab = () => null; // STUB
