-- A plan says how many blocks stay on the device, where it said `resident` or `staged`.
UPDATE jobs
SET document = json_set(
    document,
    '$.plan.residency',
    json(CASE document ->> '$.plan.residency'
        WHEN 'resident'
            THEN '{"resident_blocks": null, "components_stay": true, "host_copies_stay": false}'
        ELSE '{"resident_blocks": null, "components_stay": false, "host_copies_stay": true}'
    END)
)
WHERE json_type(document, '$.plan.residency') = 'text';
