GRANT SELECT, INSERT ON member_merge, activity, refund, sale_pair TO renkei_app;
GRANT UPDATE (version_lead) ON member TO renkei_app;
GRANT UPDATE (within) ON sale_pair TO renkei_app;
GRANT UPDATE (total, doubt_connection, doubt_ref, apart) ON orders TO renkei_app;
