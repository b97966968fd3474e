export const StatsTab = () => null; // STUB
