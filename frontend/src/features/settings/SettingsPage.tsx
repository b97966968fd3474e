export const SettingsPage = () => null; // STUB
