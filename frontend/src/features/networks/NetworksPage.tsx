export const NetworksPage = () => null; // STUB
