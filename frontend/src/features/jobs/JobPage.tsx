export const JobPage = () => null; // STUB
