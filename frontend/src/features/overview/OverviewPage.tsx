export const OverviewPage = () => null; // STUB
