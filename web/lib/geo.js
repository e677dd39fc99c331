/* The map's projection: Lambert azimuthal equal area around 52 N 10 E, as in scripts/make-map. Plain functions. */
const LEFT = -1_720_000, TOP = 2_130_000, UNIT = 3_600, EARTH = 6_371_000;
export const WIDTH = 920;
export const HEIGHT = 1060;
const rad = (degrees) => (degrees * Math.PI) / 180;

/** Thousandths of a degree to the map's units. */
export const project = (latMilli, lonMilli) => {
    const lam = rad(lonMilli / 1000 - 10), phi = rad(latMilli / 1000), phi0 = rad(52);
    const k = Math.sqrt(2 / (1 + Math.sin(phi0) * Math.sin(phi) + Math.cos(phi0) * Math.cos(phi) * Math.cos(lam)));
    const x = EARTH * k * Math.cos(phi) * Math.sin(lam);
    const y = EARTH * k * (Math.cos(phi0) * Math.sin(phi) - Math.sin(phi0) * Math.cos(phi) * Math.cos(lam));
    return [(x - LEFT) / UNIT, (TOP - y) / UNIT];
};
